package storage_test

import (
	"testing"

	"sallyport/internal/storage"
)

func TestWithoutOpenat2(t *testing.T) {
	defer storage.ForceWalk()()
	t.Run("SymlinkRules", TestSymlinkRules)
	t.Run("CheckDirectory", TestCheckDirectory)
	t.Run("OpenWhatChanged", TestOpenWhatChanged)
	t.Run("Race", TestRace)
}
