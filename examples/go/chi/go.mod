module example.com/chi

go 1.21

require serverswap v0.0.0

require github.com/go-chi/chi/v5 v5.1.0

replace serverswap => ../../../bindings/go
