package proxytest

import "testing"

func runConfErr(t *testing.T, p Program) {
	all := files(t, "testdata/conferr")
	if len(all) == 0 {
		t.Fatal("no cases")
	}
	for name, data := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := ParseConfErr(name, data)
			if err != nil {
				t.Fatal(err)
			}
			RunConfErr(t, p, c)
		})
	}
}

// TestOracleConfErr: the line and the message are httpd's.
func TestOracleConfErr(t *testing.T) { runConfErr(t, oracle(t)) }

// TestSallyportConfErr: Sallyport names the same line with the same words.
func TestSallyportConfErr(t *testing.T) { runConfErr(t, sallyport(t)) }

func TestErrorsIn(t *testing.T) {
	const output = "AH00526: Syntax error on line 7 of /r/httpd.conf:\nInvalid command 'X'\n" +
		"apache2: Syntax error on line 30 of /r/main.conf: Syntax error on line 2 of /r/httpd.conf: /r/httpd.conf:2: <VirtualHost> was not closed.\n"
	got := errorsIn("/r", output)
	if len(got) != 2 || got[0].place != "httpd.conf:7" || got[1].place != "httpd.conf:2" {
		t.Errorf("errorsIn = %q", got)
	}
}
