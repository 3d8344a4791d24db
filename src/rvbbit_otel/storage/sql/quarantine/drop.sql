-- The all-in-one takes this word for word, and removes the requests' files.
ALTER TABLE quarantined_requests DELETE WHERE has(splitByChar(',', {names:String}), name)
