# Standbys, spares, sets and draining.

balancer
member a status=+H
member b
member c
elect x12
edit b status=+D
edit c status=+S
elect x6
----
bcbcbcbcbcbc
aaaaaa

# One spare for one unusable member.
balancer
member a status=+R
member b status=+D
member c
member d status=+R
elect x12
----
cacacacacaca

balancer
member a status=+R
member b
member c
elect x6
----
bcbcbc

balancer
member a status=+R
member b status=+H
member c status=+D
elect x6
----
aaaaaa

balancer
member a lbset=1
member b lbset=0 status=+D
member c lbset=1
elect x6
----
acacac

balancer
member a lbset=3
member b lbset=7
elect x6
----
aaaaaa

balancer
member a status=+N route=a
member b route=b
member c route=c
elect x6
----
bcbcbc

balancer stickysession=S
member a status=+N route=a
member b route=b
member c route=c
elect x6 cookie=S=1.a
elect x6
----
aaaaaa
bcbcbc

balancer
member a status=+N
member b
member c status=+R
elect x6
----
bcbcbc

# A standby of a lower set serves before any member of a higher one.
balancer
member a status=+H
member b status=+D
member c lbset=1
elect x4
edit a status=+S
elect x4
----
aaaa
cccc
