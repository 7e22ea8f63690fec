// Package compose holds what is given to operators to the truth:
// docker-compose.yml, the Dockerfiles and the files that they mount.
//
// The ordinary tests need no container engine. They read the files, and have
// haproxy and promtool judge theirs. With the build tag compose, which "make
// compose-test" sets, a test brings everything up, runs the commands of
// docs/deployment.md, puts it under load, stops parts of it, and looks for
// what was lost.
//
// Nothing imports this package, and it exports nothing: it must not become a
// library for tests of other packages, which have testenv.
package compose
