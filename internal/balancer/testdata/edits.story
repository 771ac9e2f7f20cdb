# Operators' changes, as the balancer-manager makes them.

balancer
member a
member b
member c
elect x4
edit b status=+D
elect x4
edit b status=-D
elect x6
show
----
abca
ccac
bacbac
a Init Ok  factor=1.00 set=0 elected=5 busy=0 lbstatus=0
b Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=100
c Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=-100

balancer
member a
member b
member c
edit a status=+S
elect x4
edit a status=+D
edit a status=-S
elect x2
edit a status=-D
elect x6
----
bcbc
bc
abcabc

balancer
member a
member b
member c
elect x2
edit a status=+N
elect x4
edit a status=-N
elect x6
show
----
ab
ccbc
bcabca
a Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=-100
b Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=100
c Init Ok  factor=1.00 set=0 elected=5 busy=0 lbstatus=0

balancer
member a
member b
member c
edit a status=+H
elect x4
edit b status=+H
edit c status=+D
elect x4
edit a status=+R
elect x4
edit a status=-H
elect x4
show
----
bcbc
abab
aaaa
aaaa
a Init Spar Ok  factor=1.00 set=0 elected=10 busy=0 lbstatus=0
b Init Stby Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=0
c Init Dis  factor=1.00 set=0 elected=2 busy=0 lbstatus=0

balancer
member a status=+H
edit a status=-H
elect x2
----
aa

balancer
member a status=+I
member b
backend a refused
elect x4
edit a status=-I
elect x4
show
----
(a)503 b (a)503 b
(a)b b b b
a Init Err  factor=1.00 set=0 elected=3 busy=0 lbstatus=-100 error=-4ms
b Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=100

# A factor: the round starts anew, each at its own.
balancer
member a
member b
member c
elect x4
edit b loadfactor=3
show
elect x10
show
----
abca
a Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=100
b Init Ok  factor=3.00 set=0 elected=1 busy=0 lbstatus=300
c Init Ok  factor=1.00 set=0 elected=1 busy=0 lbstatus=100
bbabcbbabc
a Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=100
b Init Ok  factor=3.00 set=0 elected=7 busy=0 lbstatus=300
c Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=100

balancer
member a loadfactor=2
member b loadfactor=5
elect x3
edit a loadfactor=1.5
edit b loadfactor=1.25
elect x11
show
----
bab
ababababaab
a Init Ok  factor=1.50 set=0 elected=7 busy=0 lbstatus=150
b Init Ok  factor=1.25 set=0 elected=7 busy=0 lbstatus=125

balancer lbmethod=bybusyness
member a
member b
elect x3
edit a loadfactor=4
elect x10
show
----
aba
aaaabaaaab
a Init Ok  factor=4.00 set=0 elected=10 busy=0 lbstatus=400
b Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=100

# The only member weighs 1.
balancer
member a loadfactor=7
elect x1
edit a loadfactor=5
show
----
a
a Init Ok  factor=1.00 set=0 elected=1 busy=0 lbstatus=100

balancer
member a
member b
member c
edit a lbset=2
elect x4
edit b lbset=1
elect x4
edit c lbset=5
elect x4
edit a lbset=0
elect x4
show
----
bcbc
cccc
bbbb
aaaa
a Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=0
b Init Ok  factor=1.00 set=1 elected=6 busy=0 lbstatus=0
c Init Ok  factor=1.00 set=5 elected=6 busy=0 lbstatus=0

balancer stickysession=S
member a
member b
elect x2 cookie=S=1.r
edit b route=r
elect x3 cookie=S=1.r
edit a route=r
elect x3 cookie=S=1.r
edit b route=q
edit a redirect=q
edit a status=+D
elect x3 cookie=S=1.r
----
ab
bbb
aaa
bbb

# The balancer's own settings.
balancer
member a
member b loadfactor=2
elect x4
edit balancer lbmethod=bybusyness
elect x6
edit balancer lbmethod=byrequests
elect x6
show
----
babb
babbab
babbab
a Init Ok  factor=1.00 set=0 elected=5 busy=0 lbstatus=0
b Init Ok  factor=2.00 set=0 elected=11 busy=0 lbstatus=0

balancer
member a route=a
member b route=b
elect x2 cookie=S=1.b
edit balancer stickysession=S
elect x4 cookie=S=1.b
edit balancer nofailover=On
backend b refused
elect x2 cookie=S=1.b
edit balancer nofailover=Off
elect x2 cookie=S=1.b
----
ab
bbbb
(b)503 503
aa

balancer
member a
member b
member c
edit balancer maxattempts=1
backend a refused
backend b refused
elect x3
show
----
(a)(b)503 c c
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-200 error=-3ms
b Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=0 error=-3ms
c Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=200

# Taken back.
balancer
member a
member b loadfactor=2
edit b loadfactor=5 status=+D route=x
show
revert b
show
edit balancer stickysession=S maxattempts=0
revert balancer
elect x3
----
a Init Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=100
b Init Dis  factor=5.00 set=0 elected=0 busy=0 lbstatus=500 route=x
a Init Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=100
b Init Ok  factor=2.00 set=0 elected=0 busy=0 lbstatus=500
bbb

# Of somebody who is not there yet.
balancer
member a
edit b status=+D
reload
member a
member b
elect x3
show
----
remembered
aaa
a Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=0
b Init Dis  factor=1.00 set=0 elected=0 busy=0 lbstatus=0
