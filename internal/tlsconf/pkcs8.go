package tlsconf

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
)

// The structures of an encrypted PKCS #8 key (RFC 5958 §3) under PBES2 and
// PBKDF2 (RFC 8018 A.2, A.4): what OpenSSL writes.
type (
	encryptedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2 struct {
		KDF, Encryption pkix.AlgorithmIdentifier
	}
	pbkdf2Params struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	prfs = map[string]func() hash.Hash{
		"":                    sha1.New, // the default
		"1.2.840.113549.2.7":  sha1.New,
		"1.2.840.113549.2.9":  sha256.New,
		"1.2.840.113549.2.10": sha512.New384,
		"1.2.840.113549.2.11": sha512.New,
	}
	blocks = map[string]struct {
		key  int
		make func([]byte) (cipher.Block, error)
	}{
		"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
		"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
		"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
		"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
	}
)

// maxIterations bounds what a key file may make us do.
const maxIterations = 10_000_000

var errPassPhrase = errors.New("the pass phrase is wrong")

// decryptPKCS8 gives the key inside.
func decryptPKCS8(der, pass []byte) ([]byte, error) {
	var k encryptedKey
	if _, err := asn1.Unmarshal(der, &k); err != nil {
		return nil, fmt.Errorf("the encrypted key can't be read: %w", err)
	}
	if !k.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, fmt.Errorf("the key is encrypted in a way that is not known here (%v); openssl pkcs8 -topk8 -v2 aes-256-cbc writes a key that is", k.Algorithm.Algorithm)
	}
	var p pbes2
	var kdf pbkdf2Params
	if _, err := asn1.Unmarshal(k.Algorithm.Parameters.FullBytes, &p); err != nil {
		return nil, fmt.Errorf("the encrypted key can't be read: %w", err)
	}
	if !p.KDF.Algorithm.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("the key's pass phrase goes through a function that is not known here (%v)", p.KDF.Algorithm)
	}
	if _, err := asn1.Unmarshal(p.KDF.Parameters.FullBytes, &kdf); err != nil {
		return nil, fmt.Errorf("the encrypted key can't be read: %w", err)
	}
	prf, block := prfs[kdf.PRF.Algorithm.String()], blocks[p.Encryption.Algorithm.String()]
	if prf == nil || block.make == nil || kdf.Iterations < 1 || kdf.Iterations > maxIterations {
		return nil, errors.New("the key is encrypted in a way that is not known here")
	}
	var iv []byte
	if _, err := asn1.Unmarshal(p.Encryption.Parameters.FullBytes, &iv); err != nil {
		return nil, fmt.Errorf("the encrypted key can't be read: %w", err)
	}
	key, err := pbkdf2.Key(prf, string(pass), kdf.Salt, kdf.Iterations, block.key)
	if err != nil {
		return nil, err
	}
	b, err := block.make(key)
	if err != nil {
		return nil, err
	}
	size := b.BlockSize()
	if len(iv) != size || len(k.Data) == 0 || len(k.Data)%size != 0 {
		return nil, errors.New("the encrypted key can't be read: odd length")
	}
	out := make([]byte, len(k.Data))
	cipher.NewCBCDecrypter(b, iv).CryptBlocks(out, k.Data)
	pad := int(out[len(out)-1])
	if pad < 1 || pad > size {
		return nil, errPassPhrase
	}
	for _, c := range out[len(out)-pad:] {
		if int(c) != pad {
			return nil, errPassPhrase
		}
	}
	return out[:len(out)-pad], nil
}
