# What httpd lacks: further lbmethods, slowstart, maxconn and queue, retries,
# eject, and the words for why a request went where it did.

# leastconn: the fewest in hand for the factor; turns among equals.

balancer lbmethod=leastconn
member a loadfactor=2
member b
elect x6
begin 1
begin 2
begin 3
begin 4
begin 5
begin 6
end 1
end 2
begin 7
----
abaaba
a
b
a
a
b
a
b

# byhash: a key stays; when its member fails only its own keys move, and they
# come back with it.

balancer lbmethod=byhash
member a
member b
member c
elect x3 key=one
elect x3 key=two
elect x3 key=three
elect x3 key=four
elect x3 key=five
edit b status=+D
elect key=one
elect key=two
elect key=three
elect key=four
elect key=five
edit b status=-D
elect key=one
elect key=two
elect key=three
elect key=four
elect key=five
----
aaa
bbb
ccc
aaa
aaa
a
a
c
a
a
a
b
c
a
a

# Without a key: as byrequests.

balancer lbmethod=byhash
member a
member b
elect x4
----
abab

# Bounded load: a key everybody asks for spreads.

balancer lbmethod=byhash
member a
member b
member c
begin 1 key=hot
begin 2 key=hot
begin 3 key=hot
begin 4 key=hot
begin 5 key=hot
begin 6 key=hot
----
a
c
a
c
a
c

# random2 and byresponsetime draw lots; the sequence is that of the seed.

balancer lbmethod=random2
member a
member b
member c loadfactor=4
elect x24
----
ccbbcccccacbbacccaccbabb

balancer lbmethod=byresponsetime
member a
member b
member c
backend a takes=10ms
backend b takes=10ms
backend c takes=200ms
elect x24
backend c takes=1ms
tick 60s
elect x12
----
cababbabbababbbbababbaba
baccbcccccac

# To fail fast is not to be fast.

balancer lbmethod=byresponsetime
member a
member b
member c
backend a takes=20ms
backend b takes=20ms
backend c closes takes=1ms
elect x24
elect x24
tick 60s
backend c ok
elect x24
----
(c)502 a b a b (c)502 a (c)502 b a b a b b b b a b a b b a b a
baababaaaabbbbaababababa
bacbcccacccbacbacbaccccc

# slowstart: a member that comes back takes its share step by step.

balancer
member a slowstart=20s retry=5
member b slowstart=20s
elect x4
backend a refused
elect x2
backend a ok
tick 6s
elect x20 why
tick 10s
elect x12
tick 10s
elect x8
----
abab
(a)b b
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
a:80=slowstart b:80=candidate; b:80=200/0.0ms
bbbbbbbbbbbbbbbbbbbb
babbabbababb
abababab

# hcslowstart: the same after an outage that a check has ended, and only then.

balancer
member a hcslowstart=20s retry=5
member b
elect x4
probe a fail
elect x2
tick 1s
probe a pass
tick 1s
elect x20
tick 10s
elect x12
tick 10s
elect x8
backend a refused
elect x2
backend a ok
tick 6s
elect x4
----
abab
a true
bb
a true
bbbbbbbbbbabbbbbbbbb
babbabbababb
abababab
(a)b b
baba

# When all were out nobody waits for anybody.

balancer
member a slowstart=20s status=+D
member b slowstart=20s status=+D
elect
edit a status=-D
edit b status=-D
elect x6
----
503
ababab

# maxconn: a full member is passed over; standbys take the overflow, then the
# request is refused or waits.

balancer
member a maxconn=1
member b maxconn=2
member s status=+H
begin 1
begin 2
begin 3
begin 4
end 1
begin 5
begin 6
----
a
b
b
s
a
s

balancer
member a maxconn=1
begin 1
elect log
end 1
elect
----
a
AH01170: balancer://x: All workers have as many requests in hand as maxconn= allows
503
a

balancer timeout=5 queue=2
member a maxconn=1
begin 1
begin 2
begin 3
begin 4
elect log
end 1
end 2
begin 5
end 3
end 5
elect
----
a
waits
waits
503, the line is full, retry after 5
AH01170: balancer://x: All workers have as many requests in hand as maxconn= allows, and as many wait as queue= allows
503
2 goes to a
3 goes to a
waits
5 goes to a
a

# Who waits for a lone member that has just failed it waits until somebody else
# has found it well, and does not waste a second try on it.

balancer timeout=5
member a
member b status=+D
backend a refused
begin 1
end 1
tick 150ms
begin 2
lone
probed a fail
tick 250ms
lone
backend a ok
probed a pass
end 1
end 2
----
a
waits
waits
a in -50ms
a in -50ms
1 goes to a
2 goes to a

# Who leaves the line lets the next one look; nobody overtakes.

balancer timeout=5
member a maxconn=1
begin 1
begin 2
begin 3
leave 2
end 1
end 3
----
a
waits
waits
3 goes to a

# A session waits for its own member while others serve strangers.

balancer timeout=5 stickysession=S
member a maxconn=1 route=a
member b maxconn=5 route=b
begin 1 cookie=S=x.a
begin 2 cookie=S=x.a
begin 3
end 1
----
a
waits
b
2 goes to a

# A changed limit counts at once.

balancer
member a maxconn=1
member b maxconn=1
begin 1
begin 2
begin 3
edit a status=+D
end 1
begin 4
edit a status=-D
begin 5
----
a
b
503
503
a

# retries: a safe request is sent again after a broken reply, on another
# member if there is one.

balancer retries=1
member a
member b
backend a closes
elect x4 safe
elect x4
backend b hangs
elect safe
----
(a)b b (a)b b
(a)502 b (a)502 b
(a)(b)502

balancer retries=2
member a
backend a closes
elect safe why
----
a:80=candidate; a:80=closed_early/0.0ms a:80=closed_early/0.0ms a:80=closed_early/0.0ms
(a)(a)(a)502

# … but not when everything breaks: a fifth on top, and what was saved.

balancer retries=1
member a
member b
backend a closes
backend b closes
elect x12 safe
----
(a)(b)502 (b)(a)502 (a)(b)502 (b)(a)502 (a)(b)502 (b)(a)502 (a)502 (b)502 (a)502 (b)(a)502 (a)502 (b)502

# eject: half of its last answers are errors.

balancer eject=On
member a
member b
member c
backend b 500
elect x60 log
elect x6
tick 11s
elect x6
show
----
AH01174: balancer://x: Forcing worker (http://b) into error state for 10s: 20 of its last 20 answers were errors
a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c a b=500 c
cacaca
c a b=500 c a b=500
a Init Ok  factor=1.00 set=0 elected=25 busy=0 lbstatus=0
b Init Ok  factor=1.00 set=0 elected=22 busy=0 lbstatus=-100
c Init Ok  factor=1.00 set=0 elected=25 busy=0 lbstatus=100

# Nobody where all fail alike; never more than half of the members.

balancer eject=30%
member a
member b
backend a 500
backend b 500
elect x80 log
----
a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500 a=500 b=500

balancer eject=30%
member a
member b
member c
backend a 500
backend b 500
elect x80 log
----
AH01174: balancer://x: Forcing worker (http://a) into error state for 10s: 20 of its last 20 answers were errors
a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c a=500 b=500 c b=500 c b=500 c b=500 c b=500 c b=500 c b=500 c b=500 c b=500 c b=500 c b=500 c

# … or it is many times slower than the others.

balancer eject=On
member a
member b
member c
backend a takes=5ms
backend b takes=5ms
backend c takes=900ms
elect x96 log
----
AH01174: balancer://x: Forcing worker (http://c) into error state for 10s: it takes 900ms to answer, the middle of the members 5ms
abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabababababababababababababababababab

# Why did it go there?

balancer
member a
member b status=+D
member c status=+H
member d lbset=1
member e status=+N
member f status=+R
member g maxconn=1
backend a refused
begin 1
elect why log
----
a
a:80=candidate b:80=disabled c:80=standby d:80=lbset e:80=draining f:80=candidate g:80=candidate; g:80=200/0.0ms
g
