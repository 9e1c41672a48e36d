//go:build !purego

#include "textflag.h"

// func copyPlain(dst, src []byte, stops uint64) int
TEXT ·copyPlain(SB), NOSPLIT, $0-64
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), CX
	MOVQ stops+48(FP), AX
	MOVQ AX, X3
	PUNPCKLQDQ X3, X3             // 0x80 in each byte, if bytes from there on stop
	MOVQ $0x2222222222222222, AX
	MOVQ AX, X1
	PUNPCKLQDQ X1, X1             // quotes
	MOVQ $0x5c5c5c5c5c5c5c5c, AX
	MOVQ AX, X2
	PUNPCKLQDQ X2, X2             // backslashes
	MOVQ $0x1f1f1f1f1f1f1f1f, AX
	MOVQ AX, X4
	PUNPCKLQDQ X4, X4             // the last control character
	XORQ BX, BX
	SUBQ $16, CX

loop:
	CMPQ BX, CX
	JGT  done
	MOVOU (SI)(BX*1), X0
	MOVOU X0, (DI)(BX*1)
	MOVO X0, X5
	PMINUB X4, X5
	PCMPEQB X0, X5                // not above the last control character
	MOVO X0, X6
	PCMPEQB X1, X6
	POR X6, X5
	MOVO X0, X7
	PCMPEQB X2, X7
	POR X7, X5
	PAND X3, X0
	POR X0, X5
	PMOVMSKB X5, AX
	TESTL AX, AX
	JNZ  stop
	ADDQ $16, BX
	JMP  loop

stop:
	BSFL AX, AX
	ADDQ AX, BX

done:
	MOVQ BX, ret+56(FP)
	RET
