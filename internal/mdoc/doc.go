// Package mdoc makes manual pages of the documentation: the Markdown of a page
// in the order of a manual's sections becomes the macros of mdoc(7), which
// mandoc and groff read.
//
// It knows the Markdown that the pages are written in, and refuses what it
// does not know: a page that lost a paragraph on its way would be worse than
// none. The pages in man are what its tests make; run them with -update after
// a change of the documentation. It imports nothing of this module, and no
// program does: what is installed are the pages.
package mdoc
