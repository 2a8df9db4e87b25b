"""HL7 v2 itself: ER7, MLLP, character sets, times, and the messages that we write."""
