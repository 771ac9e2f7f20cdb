package conf

import "strings"

// contexts are the places in the order and words in which they are listed.
var contexts = [...]struct {
	in   Context
	name string
}{
	{InServer, "server config"},
	{InVHost, "<VirtualHost>"},
	{InDirectory, "<Directory>"},
	{InLocation, "<Location>"},
	{InProxy, "<Proxy>"},
	{InFiles, "<Files>"},
	{InIf, "<If>"},
	{InHtaccess, ".htaccess"},
}

// String lists the places of x.
func (x Context) String() string {
	var names []string
	for _, c := range contexts {
		if x&c.in != 0 && c.in != InHtaccess {
			names = append(names, c.name)
		}
	}
	return strings.Join(names, ", ")
}
