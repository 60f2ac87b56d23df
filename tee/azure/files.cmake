set(FILES roots.c)
