SELECT sipHash64({kind:String}, {id:String})
