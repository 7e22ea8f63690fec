package rule

// ClassPoints demands a number of points: one for each class of which the
// password has enough octets (minQuality of ppm).
type ClassPoints struct {
	Min     int
	Classes []PointClass
}

// A PointClass is a class that can bring a point. One with an empty Set
// never does; one with MinForPoint 0 always does.
type PointClass struct {
	Name        string
	Set         ByteSet
	MinForPoint int
}
