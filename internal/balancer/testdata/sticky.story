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
