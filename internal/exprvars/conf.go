package exprvars

import "sallyport/internal/expr"

// Cond parses a condition that stands in word n of a directive's line. In an
// error before is httpd's text in front of what is wrong.
func Cond(text, before string, n int) (*expr.Cond, error) {
	c, err := expr.Parse(text, expr.Options{})
	if err != nil {
		return nil, expr.Diag(err, text, before, n)
	}
	return c, nil
}

// Text parses a text with variables; see Cond.
func Text(text, before string, n int) (*expr.Text, error) {
	t, err := expr.ParseString(text, expr.Options{})
	if err != nil {
		return nil, expr.Diag(err, text, before, n)
	}
	return t, nil
}
