package proxytest

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// modulesDir is where Debian keeps httpd's modules.
const modulesDir = "/usr/lib/apache2/modules"

// usual are the modules every script gets.
var usual = []string{
	"authn_core", "authz_core", "authz_host", "access_compat",
	"alias", "dir", "mime", "env", "setenvif", "headers", "macro",
	"proxy", "proxy_http", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests",
}

// mimeTypes is the TypesConfig file of every script.
const mimeTypes = "text/html html htm\ntext/plain txt\ntext/css css\nimage/png png\nimage/gif gif\nimage/jpeg jpg\napplication/json json\n"

// servedLog gets a line when everything else is logged about a request: global
// logs come last.
const servedLog = "served.log"

// prelude is what comes before a script's httpd.conf: one child process, all
// files below root, the error log, and the usual modules.
func prelude(s *Script, root, port string, via Via) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("ServerRoot %q", root)
	line("DefaultRuntimeDir %q", root)
	line("PidFile %q", root+"/httpd.pid")
	line("ErrorLog %q", root+"/error.log")
	line("Listen 127.0.0.1:%s", port)
	line("ServerName main.test")
	line("DocumentRoot %q", root+"/htdocs")
	line("LoadModule mpm_event_module %s/mod_mpm_event.so", modulesDir)
	names := slices.DeleteFunc(slices.Clone(usual), func(m string) bool { return slices.Contains(s.Without, m) })
	names = append(names, s.Modules...)
	if via != nil {
		for _, m := range via.Modules() {
			if !slices.Contains(names, m) {
				names = append(names, m)
			}
		}
	}
	for _, m := range names {
		line("LoadModule %s_module %s/mod_%s.so", m, modulesDir, m)
	}
	if os.Geteuid() == 0 {
		line("User nobody\nGroup nogroup")
	}
	line("ServerLimit 1\nStartServers 1\nThreadsPerChild 16\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16")
	if !slices.Contains(s.Without, "mime") {
		line("TypesConfig %q", root+"/mime.types")
	}
	if via != nil {
		b.WriteString(via.Conf(root))
	}
	line("Include %q", root+"/httpd.conf")
	if s.readsLogs() {
		line("GlobalLog %q .", root+"/"+servedLog)
	}
	return b.String()
}
