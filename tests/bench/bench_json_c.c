/* The peer of the JSON figure, apart because json-c's names and ours meet. */
#include "bench_json_c.h"

#include <json-c/json.h>

void bench_json_c(const char *text, size_t n, int turns)
{
	for (int i = 0; i < turns; i++) {
		struct json_tokener *t = json_tokener_new();
		json_object_put(json_tokener_parse_ex(t, text, (int)n));
		json_tokener_free(t);
	}
}
