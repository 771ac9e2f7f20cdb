# Virtual hosts that inherit a balancer share its members' state and standings;
# settings are each their own.

balancer
member a route=a
member b route=b
member c route=c
view v stickysession=S
view w lbmethod=bybusyness
elect x2
elect x2 at=v
elect x2 at=w
elect x2 at=v cookie=S=1.a
elect x3 cookie=S=1.a
show
edit b status=+D
elect x4 at=w
----
ab
ca
bc
aa
bcb
a Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=-100 route=a
b Init Ok  factor=1.00 set=0 elected=4 busy=0 lbstatus=-100 route=b
c Init Ok  factor=1.00 set=0 elected=3 busy=0 lbstatus=200 route=c
ccac

balancer failonstatus=500
member a
member b
view v failonstatus=404
backend a 404
elect x4
elect x4 at=v
show
----
a=404 b a=404 b
a=404 b b b
a Init Err  factor=1.00 set=0 elected=3 busy=0 lbstatus=-100 error=-4ms
b Init Ok  factor=1.00 set=0 elected=5 busy=0 lbstatus=100
