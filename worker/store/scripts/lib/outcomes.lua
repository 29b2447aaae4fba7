-- The counter of each outcome, by its character.

local COUNTER = {
  ['.'] = 'n_pending', ['?'] = 'n_ambiguous', ['A'] = 'n_activated', ['a'] = 'n_already_active',
  ['F'] = 'n_failed', ['N'] = 'n_not_attempted', ['U'] = 'n_unknown',
}
