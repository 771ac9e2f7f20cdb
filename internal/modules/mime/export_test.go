package mime

// Respell takes a media type apart and spells it anew with another charset.
func Respell(s, charset string) string { return parseMedia(s).with(charset) }
