package responder

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
)

// The parts of questions and answers that golang.org/x/crypto/ocsp leaves out
// (RFC 6960 §4.1.1, §4.2.1).

var oidNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}

// withNonce adds the extension to a question that has none.
func withNonce(question, nonce []byte) ([]byte, error) {
	var outer struct{ TBS asn1.RawValue }
	if _, err := asn1.Unmarshal(question, &outer); err != nil {
		return nil, err
	}
	value, err := asn1.Marshal(nonce)
	if err != nil {
		return nil, err
	}
	ext, err := asn1.Marshal([]pkix.Extension{{Id: oidNonce, Value: value}})
	if err != nil {
		return nil, err
	}
	tagged := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, IsCompound: true, Bytes: ext}
	tail, err := asn1.Marshal(tagged)
	if err != nil {
		return nil, err
	}
	tbs := asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: append(bytes.Clone(outer.TBS.Bytes), tail...)}
	return asn1.Marshal(struct{ TBS asn1.RawValue }{tbs})
}

// said is ResponseData.
type said struct {
	Version    int `asn1:"optional,default:0,explicit,tag:0"`
	Responder  asn1.RawValue
	ProducedAt asn1.RawValue
	Singles    []single
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:1"`
}

type single struct {
	ID   certID
	Rest asn1.RawValue // its status; what follows is not looked at
}

type certID struct {
	Hash      pkix.AlgorithmIdentifier
	Name, Key []byte // hashes of the issuer's
	Serial    *big.Int
}

func parse(tbs []byte) (*said, error) {
	s := new(said)
	if rest, err := asn1.Unmarshal(tbs, s); err != nil {
		return nil, err
	} else if len(rest) > 0 {
		return nil, errors.New("trailing bytes")
	}
	return s, nil
}

// nonce is the number that came back; nil: none.
func (s *said) nonce() []byte {
	for _, e := range s.Extensions {
		if !e.Id.Equal(oidNonce) {
			continue
		}
		var n []byte
		if rest, err := asn1.Unmarshal(e.Value, &n); err != nil || len(rest) > 0 {
			return e.Value // as some responders spell it
		}
		return n
	}
	return nil
}

// about reports whether every single answer with the certificate's number is
// about one of this issuer's. The parser finds them by number alone.
func (s *said) about(cert, issuer *x509.Certificate) bool {
	found := false
	for i := range s.Singles {
		id := &s.Singles[i].ID
		if id.Serial == nil || id.Serial.Cmp(cert.SerialNumber) != 0 {
			continue
		}
		if !id.by(issuer) {
			return false
		}
		found = true
	}
	return found
}

var hashes = []struct {
	oid asn1.ObjectIdentifier
	crypto.Hash
}{
	{asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, crypto.SHA1},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512},
}

func (id *certID) by(issuer *x509.Certificate) bool {
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &spki); err != nil {
		return false
	}
	for _, h := range hashes {
		if !h.oid.Equal(id.Hash.Algorithm) || !h.Available() {
			continue
		}
		sum := func(b []byte) []byte {
			m := h.New()
			m.Write(b)
			return m.Sum(nil)
		}
		return bytes.Equal(sum(issuer.RawSubject), id.Name) && bytes.Equal(sum(spki.Key.RightAlign()), id.Key)
	}
	return false
}
