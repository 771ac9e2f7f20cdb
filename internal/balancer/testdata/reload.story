# A new configuration keeps what was learnt and what operators said.

balancer
member a
member b
member c
backend a refused
elect x4
edit b loadfactor=2
tick 10s
reload
member a loadfactor=3
member b loadfactor=4
member c route=c
show
elect x4
tick 51s
backend a ok
elect x7
show
----
(a)b c b c
a Init Err  factor=3.00 set=0 elected=1 busy=0 lbstatus=0 error=-10.004s
b Init Ok  factor=2.00 set=0 elected=2 busy=0 lbstatus=0
c Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0 route=c
bcbb
abcaaba
a Init Ok  factor=3.00 set=0 elected=5 busy=0 lbstatus=-300
b Init Ok  factor=2.00 set=0 elected=7 busy=0 lbstatus=100
c Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=200 route=c

# Members removed and added.
reload
member b
member d
elect x6
show
----
removed http://a
removed http://c
bdbbdb
b Init Ok  factor=2.00 set=0 elected=11 busy=0 lbstatus=0
d Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0

# One that comes back is new.
reload
member a
member d
show
----
removed http://b
a Init Ok  factor=1.00 set=0 elected=0 busy=0 lbstatus=0
d Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=0

# status= of a reload holds, but for health.
balancer
member a
member b
backend a refused
elect x2
reload
member a status=+H
member b status=+D
show
reload
member a
member b status=+E
show
----
(a)b b
a Init Err Stby  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-2ms
b Init Dis  factor=1.00 set=0 elected=2 busy=0 lbstatus=100
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-100 error=-2ms
b Init Ok  factor=1.00 set=0 elected=2 busy=0 lbstatus=100

balancer lbmethod=bytraffic
member a
member b
backend a sent=100 received=10000
backend b sent=100 received=10000
backend c sent=100 received=10000
elect x4
reload lbmethod=bytraffic
member a
member b
member c
elect x9
----
abab
abcabcabc
