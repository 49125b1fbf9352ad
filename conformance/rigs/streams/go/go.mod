module streams

go 1.21

require serverswap v0.0.0

replace serverswap => ../../../../bindings/go
