# Sessions. A route is found in the URL first, then in the cookies.

# Sticky requests count in the standings: four to a, then free ones.
balancer stickysession=S
member a route=a
member b route=b
member c route=c
elect x4 cookie=S=x.a
show
elect x10
----
aaaa
a Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=-800 route=a
b Init Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=400 route=b
c Init Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=400 route=c
bcbcbcbcab

# Where a cookie may stand, and how it may be written ("+" is a blank here).
balancer stickysession=S
member a route=a
member b route=b
member c route=c
elect x3 cookie=S=x.b
elect x3 cookie=o=1;+S=x.b
elect x3 cookie=o=1,S=x.b
elect x3 cookie=o=1;S=x.b;+p=2
elect x3 cookie=S+=x.b
elect x3 cookie=S=x.c;+S=y.b
elect x3 cookie=S=.b
----
bbb
bbb
bbb
bbb
bbb
ccc
bbb

# These carry no session: another name, another case, no separator, no value,
# and quotes, which stay part of the route.
balancer stickysession=S
member a route=a
member b route=b
member c route=c
elect x3 cookie=XS=x.b
elect x3 cookie=s=x.b
elect x3 cookie=S=xb
elect x3 cookie=S=
elect x3 cookie=S=;+o=1
elect x3 cookie=S="x.b"
elect x3 cookie=S+x.b
----
abc
abc
abc
abc
abc
abc
abc

# A name that occurs inside another's value.
balancer stickysession=SID
member a route=a
member b route=b
member c route=c
elect x3 cookie=q=SID;+SID=1.c
elect x3 cookie=OSID=1.a;+SID=1.c
elect x3 cookie=SIDE=1.a;+SID=1.c
----
ccc
ccc
ccc

# The route is what follows the first separator.
balancer stickysession=S
member a route=a
member b route=b.c
member c route=c
elect x3 cookie=S=a.b.c
elect x3 cookie=S=..c
elect x3 cookie=S=x.
----
bbb
aca
cac

balancer stickysession=S stickysessionsep=!
member a route=a
member b route=b
member c route=c
elect x3 cookie=S=x!b
elect x3 cookie=S=x.b
elect x3 cookie=S=x.a!c
----
bbb
aca
ccc

balancer stickysession=S stickysessionsep=Off
member a route=a
member b route=b
member c route=c
elect x3 cookie=S=b
elect x3 cookie=S=x.b
----
bbb
aca

balancer stickysession=S stickysessionsep=:
member a route=a
member b route=b
elect x3 cookie=S=x:b
elect x2 url=/p?S=x:a
----
bbb
aa

# In the URL: a path parameter, a query parameter, or anywhere at all.
balancer stickysession=S
member a route=a
member b route=b
member c route=c
elect x3 url=/p;S=x.b
elect x3 url=/p;S=x.b?q=1
elect x3 url=/p?S=x.b
elect x3 url=/p?q=1&S=x.b&r=2
elect x3 url=/S=x.b
elect x3 url=/pS=x.b
----
bbb
bbb
bbb
bbb
bbb
bbb

# Without scolonpathdelim a semicolon or slash does not end the value.
balancer stickysession=S
member a route=a
member b route=b
member c route=c
elect x3 url=/p;S=x.b;v=1
elect x3 url=/p;S=x.b/y
----
abc
abc

balancer stickysession=S scolonpathdelim=On
member a route=a
member b route=b
member c route=c
elect x3 url=/p;S=x.b;v=1
elect x3 url=/p;v=1;S=x.b
elect x3 url=/p?q;S=x.c;r
----
bbb
bbb
ccc

# The URL wins over the cookie, even with a route nobody has.
balancer stickysession=S
member a route=a
member b route=b
member c route=c
elect x3 url=/p;S=x.b cookie=S=x.c
elect x3 url=/p;S=x.zz cookie=S=x.c
elect x3 url=/p;S=x cookie=S=x.c
----
bbb
aca
cac

# Two names: one for the cookie, one for the URL.
balancer stickysession=JSESSIONID|jsessionid
member a route=a
member b route=b
member c route=c
elect x3 cookie=JSESSIONID=x.b
elect x3 url=/p;jsessionid=x.c
elect x3 cookie=jsessionid=x.b
elect x3 url=/p;JSESSIONID=x.b
----
bbb
ccc
aaa
abc

# After a name without "=" the search goes on.
balancer stickysession=sid
member a route=a
member b route=b
member c route=c
elect x3 url=/sid/p;sid=x.b
elect x3 url=/sidsid=x.b
elect x3 url=/p?sid=&sid=x.c
elect x3 url=/p?sid=
----
bbb
aca
ccc
aab

# What the environment tells.
balancer stickysession=S
member a route=a
member b
elect cookie=S=1.a vars
elect cookie=S=1.zz vars
elect vars
elect cookie=S=1. vars
elect url=/x;S=1.a vars
----
BALANCER_NAME=balancer://x
BALANCER_WORKER_NAME=http://a
BALANCER_WORKER_ROUTE=a
BALANCER_SESSION_STICKY=S
BALANCER_SESSION_ROUTE=a
a
BALANCER_NAME=balancer://x
BALANCER_WORKER_NAME=http://b
BALANCER_WORKER_ROUTE=
BALANCER_SESSION_STICKY=S
BALANCER_SESSION_ROUTE=zz
BALANCER_ROUTE_CHANGED=1
b
BALANCER_NAME=balancer://x
BALANCER_WORKER_NAME=http://a
BALANCER_WORKER_ROUTE=a
BALANCER_ROUTE_CHANGED=1
a
BALANCER_NAME=balancer://x
BALANCER_WORKER_NAME=http://b
BALANCER_WORKER_ROUTE=
BALANCER_SESSION_STICKY=S
BALANCER_SESSION_ROUTE=
BALANCER_ROUTE_CHANGED=1
b
BALANCER_NAME=balancer://x
BALANCER_WORKER_NAME=http://a
BALANCER_WORKER_ROUTE=a
BALANCER_SESSION_STICKY=S
BALANCER_SESSION_ROUTE=a
a

balancer
member a route=a
elect cookie=S=1.a vars
----
BALANCER_NAME=balancer://x
BALANCER_WORKER_NAME=http://a
BALANCER_WORKER_ROUTE=a
a

# Draining: only sessions of its own.
balancer stickysession=S
member a route=a status=+N
member b route=b
elect x3 cookie=S=1.a
elect x3 cookie=S=1.b
elect x3
edit a status=+D
elect x3 cookie=S=1.a
----
aaa
bbb
bbb
bbb

# An unusable member's sessions go to a standby of the same route, or where
# its redirect leads, or to anyone.
balancer stickysession=S
member a route=a status=+D
member b route=b
member c route=a status=+H
member d route=d
elect x4 cookie=S=1.a
elect x4
----
cccc
bdbd

balancer stickysession=S
member a route=a redirect=c
member b route=b
member c route=c
elect x3 cookie=S=1.a
edit a status=+D
elect x3 cookie=S=1.a
elect cookie=S=1.a vars
edit c status=+S
elect x4 cookie=S=1.a
----
aaa
ccc
BALANCER_NAME=balancer://x
BALANCER_WORKER_NAME=http://c
BALANCER_WORKER_ROUTE=c
BALANCER_SESSION_STICKY=S
BALANCER_SESSION_ROUTE=a
BALANCER_ROUTE_CHANGED=1
c
bbbb

balancer stickysession=S
member a route=a redirect=b status=+D
member b route=b redirect=c status=+D
member c route=c redirect=a status=+D
member d route=d
elect x3 cookie=S=1.a
edit c status=-D
elect x3 cookie=S=1.a
----
ddd
ccc

# A live member's redirect means nothing.
balancer stickysession=S
member a route=a redirect=b
member b route=b
elect x4 cookie=S=1.a
----
aaaa

# Several members of one route: the first usable.
balancer stickysession=S
member a route=x
member b route=x
member c route=y
elect x3 cookie=S=1.x
edit a status=+D
elect x3 cookie=S=1.x
edit b status=+D
elect x3 cookie=S=1.x
----
aaa
bbb
ccc

# nofailover: a session is not moved, but one with an unknown route is new.
balancer stickysession=S nofailover=On
member a route=a
member b route=b
member c route=c
elect x3 cookie=S=1.a
edit a status=+D
elect x3 cookie=S=1.a
elect x3 cookie=S=1.zz
elect x3
edit a status=-D
elect x3 cookie=S=1.a
----
aaa
503 503 503
bcb
cbc
aaa

balancer stickysession=S nofailover=On
member a route=a
member b route=b
backend a refused
elect x2 cookie=S=1.a
elect x2
----
(a)503 503
bb

balancer stickysession=S nofailover=On
member a route=a redirect=b
member b route=b
member c route=c status=+H
edit a status=+D
elect x3 cookie=S=1.a
edit b status=+D
elect x3 cookie=S=1.a
elect x3 cookie=S=1.b
----
bbb
503 503 503
503 503 503

# A sticky member that fails: the request goes elsewhere.
balancer stickysession=S
member a route=a
member b route=b
member c route=c
backend a refused
elect x3 cookie=S=1.a
elect cookie=S=1.a vars
show
----
(a)b c b
BALANCER_NAME=balancer://x
BALANCER_WORKER_NAME=http://c
BALANCER_WORKER_ROUTE=c
BALANCER_SESSION_STICKY=S
BALANCER_SESSION_ROUTE=a
BALANCER_ROUTE_CHANGED=1
c
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-200 route=a error=-4ms
b Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=100 route=b
c Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=100 route=c

# Sticky requests count members of all sets and roles.
balancer stickysession=S
member a route=a
member b route=b status=+H
member c route=c lbset=1
member d route=d status=+R
member e route=e status=+N
member f route=f status=+D
elect x3 cookie=S=1.c
show
elect x2 cookie=S=1.b
elect x4
show
edit a status=+D
elect x6
show
----
ccc
a Init Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=300 route=a
b Init Stby Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=300 route=b
c Init Ok  factor=1.00 set=1 elected=3 busy=0 lbstatus=-1200 route=c
d Init Spar Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=300 route=d
e Init Drn Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=300 route=e
f Init Dis  factor=1.00 set=0 elected=0 busy=0 lbstatus=0 route=f
bb
adad
a Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=500 route=a
b Init Stby Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=-500 route=b
c Init Ok  factor=1.00 set=1 elected=3 busy=0 lbstatus=-1000 route=c
d Init Spar Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=500 route=d
e Init Drn Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=500 route=e
f Init Dis  factor=1.00 set=0 elected=0 busy=0 lbstatus=0 route=f
dddddd
a Init Dis  factor=1.00 set=0 elected=2 busy=0 lbstatus=500 route=a
b Init Stby Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=-500 route=b
c Init Ok  factor=1.00 set=1 elected=3 busy=0 lbstatus=-1000 route=c
d Init Spar Ok  factor=1.00 set=0 elected=8 busy=0 lbstatus=500 route=d
e Init Drn Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=500 route=e
f Init Dis  factor=1.00 set=0 elected=0 busy=0 lbstatus=0 route=f

balancer stickysession=S lbmethod=bybusyness
member a route=a loadfactor=2
member b route=b
member c route=c loadfactor=1.5
elect x4 cookie=S=1.b
elect x12
show
----
bbbb
acacaacacaca
a Init Ok  factor=2.00 set=0 elected=7 busy=0 lbstatus=50 route=a
b Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=-200 route=b
c Init Ok  factor=1.50 set=0 elected=5 busy=0 lbstatus=150 route=c

# A sticky name without a cookie part means no sessions.
balancer stickysession=|S
member a route=a
member b route=b
elect x4 url=/p;S=1.b
elect x4 cookie=S=1.b
elect vars
----
abab
abab
BALANCER_NAME=balancer://x
BALANCER_WORKER_NAME=http://a
BALANCER_WORKER_ROUTE=a
a
