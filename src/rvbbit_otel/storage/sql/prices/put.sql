INSERT INTO model_prices (provider, model, rates)
SELECT
    {provider:String},
    {model:String},
    {rates:Array(Tuple(UInt8, UInt32, UInt32, UInt32, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, String))}
