# Intel TDX and SGX: quotes.
set(FILES
	attributes.c
	min_tcb.c
	quote_chain.c
	quote_check.c
	quote_claims.c
	quote_describe.c
	quote_members.c
	quote_parse.c
	roots.c
)
