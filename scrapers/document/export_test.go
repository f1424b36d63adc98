package document

// LowerLimits and Tidy are tested from inside.
var (
	LowerLimits = lowerLimits
	Tidy        = tidy
	ReadOffice  = readOffice
)
