-- The all-in-one takes this word for word, and tries the requests again.
ALTER TABLE quarantined_requests UPDATE error = '' WHERE has(splitByChar(',', {names:String}), name)
