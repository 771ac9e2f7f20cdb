//go:build !linux

package keeper

import "errors"

// Called is false: there is no keeper on this system.
func Called() bool { return false }

// Main is never called.
func Main() int { return 1 }

// Start fails.
func Start() (*Keeper, error) {
	return nil, errors.New("start the keeper: only on Linux; start Sallyport as the user it shall run as")
}
