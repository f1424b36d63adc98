package main

type letterCmd struct{}
