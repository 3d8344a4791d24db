-- What a call costs by the rates of its model (0028_model_prices.sql): whether one fits, 1e-12 dollars, and where that is from. `at`: seconds since 1970;
-- `told_*` are the tokens that the call tells of, `takes_*` those of them that it counts. The one place that says it: read into what needs it.
(rates, at, takes_in, takes_out, told_in, told_out, told_cached, told_cache_write, told_reasoning, told_audio_in, told_audio_out) -> arrayMap(
    -- Some report tokens of the cache beside those that went in, others among them.
    sent -> arrayMap(
        rate -> (
            tupleElement(rate, 1) = 1,
            toInt64(if(
                takes_in = told_in AND takes_out = told_out,
                tupleElement(rate, 6) * (sent - least(sent, told_cached + told_cache_write + told_audio_in))
                    + tupleElement(rate, 7) * told_cached
                    + tupleElement(rate, 8) * told_cache_write
                    + tupleElement(rate, 9) * told_audio_in
                    + tupleElement(rate, 10) * (told_out - least(told_out, told_reasoning + told_audio_out))
                    + tupleElement(rate, 11) * told_reasoning
                    + tupleElement(rate, 12) * told_audio_out,
                tupleElement(rate, 6) * takes_in + tupleElement(rate, 10) * takes_out
            )),
            tupleElement(rate, 13)
        ),
        -- Of the rates in order of time and size the last that fits.
        [arrayLast(
            each -> tupleElement(each, 2) <= at AND tupleElement(each, 3) <= at % 86400 AND at % 86400 < tupleElement(each, 4)
                AND (tupleElement(each, 5) = 0 OR sent > tupleElement(each, 5)),
            rates
        )]
    )[1],
    [told_in + if(told_cached + told_cache_write > told_in, told_cached + told_cache_write, 0)]
)[1]
