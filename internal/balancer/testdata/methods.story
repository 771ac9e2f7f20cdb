# The sequences httpd 2.4 makes with one child process, 24 requests one after
# the other.

balancer
member a
member b
member c
member d
elect x24
----
abcdabcdabcdabcdabcdabcd

# b disabled
balancer
member a
member b status=+D
member c
member d
elect x24
----
acdacdacdacdacdacdacdacd

balancer
member a
member b
member c
member d loadfactor=2
elect x24
----
dabcddabcddabcddabcddabc

balancer
member a
member b loadfactor=3
elect x24
----
babbbabbbabbbabbbabbbabb

balancer
member a
member b loadfactor=3
member c loadfactor=5
elect x27
----
cbcacbcbccbcacbcbccbcacbcbc

balancer
member a
member b loadfactor=3
member c loadfactor=5 status=D
elect x24
----
babbbabbbabbbabbbabbbabb

balancer
member a loadfactor=1.5
member b loadfactor=2.5
elect x24
----
bababbabbababbabbababbab

balancer lbmethod=bybusyness
member a
member b
member c
elect x24
----
abcabcabcabcabcabcabcabc

balancer lbmethod=bybusyness
member a
member b loadfactor=3
elect x24
----
babbbabbbabbbabbbabbbabb

# One long request on a.
balancer lbmethod=bybusyness
member a
member b
member c
begin long
elect x7
end long
elect x7
----
a
bcbcbcb
aaacabc

balancer lbmethod=bybusyness
member a
member b loadfactor=5
begin long
elect x6
end long
elect x6
----
b
aaaaaa
bbbbbb

balancer lbmethod=bytraffic
member a
member b
member c
backend a sent=150 received=3020
backend b sent=150 received=3020
backend c sent=150 received=3020
elect x24
----
abcabcabcabcabcabcabcabc

balancer lbmethod=bytraffic
member a
member b loadfactor=3
backend a sent=150 received=3020
backend b sent=150 received=3020
elect x24
----
abbbabbbabbbabbbabbbabbb

balancer lbmethod=bytraffic
member a
member b
backend a sent=150 received=100020
elect x1
backend a sent=150 received=200
backend b sent=150 received=200
elect x6
----
a
bbbbbb
