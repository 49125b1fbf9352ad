module conformance-driver

go 1.18
