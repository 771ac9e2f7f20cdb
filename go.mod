module sallyport

go 1.26.0

require (
	github.com/dlclark/regexp2/v2 v2.12.0
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
)
