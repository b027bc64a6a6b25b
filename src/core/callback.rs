//! Phone numbers and times of callbacks, as language engines give them (S21).
