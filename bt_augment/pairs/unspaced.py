"""Scripts that are written without spaces between words, as ``regex`` names them in a set."""

HAN = r"\p{Han}\p{Hiragana}\p{Katakana}"
THAI = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
UNSPACED_SCRIPTS = HAN + THAI
