-- POST of the benchmark's 190-byte item.
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"sku":"ABC-1234","name":"Walnut side table","description":"Oiled by hand, three legs, made to order in about 2 or three weeks","price":249.5,"quantity":12,"tags":["furniture","wood","oak"]}'
