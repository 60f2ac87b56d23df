# Intel TDX and SGX: quotes.
set(FILES
	attributes.c
	codes.c
	event_log.c
	evidence.c
	formats.c
	min_tcb.c
	quote_chain.c
	quote_check.c
	quote_claims.c
	quote_describe.c
	quote_members.c
	quote_parse.c
	roots.c
	tdreport.c
	tdx_verify.c
)
