Binput1J
ף<