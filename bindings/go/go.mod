module serverswap

go 1.21
