# a refuses connections: the client never sees it.
balancer
member a
member b
member c
backend a refused
elect x12
show
----
(a)b c b c b c b c b c b c
a Init Err  factor=1.00 set=0 elected=1 busy=0 lbstatus=-200 error=-12ms
b Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=100
c Init Ok  factor=1.00 set=0 elected=6 busy=0 lbstatus=100
