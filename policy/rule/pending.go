package rule

// The rules below have their types; what they do follows, a file each.

func (ClassMinimums) Check([]byte, Subject) []string { return nil }
func (ClassMinimums) Requirement() Requirement       { return Requirement{} }

func (Categories) Check([]byte, Subject) []string { return nil }
func (Categories) Requirement() Requirement       { return Requirement{} }

func (ClassRun) Check([]byte, Subject) []string { return nil }
func (ClassRun) Requirement() Requirement       { return Requirement{} }

func (Sequence) Check([]byte, Subject) []string { return nil }
func (Sequence) Requirement() Requirement       { return Requirement{} }

func (SequenceSets) Check([]byte, Subject) []string { return nil }
func (SequenceSets) Requirement() Requirement       { return Requirement{} }

func (Palindrome) Check([]byte, Subject) []string { return nil }
func (Palindrome) Requirement() Requirement       { return Requirement{} }

func (BadWords) Check([]byte, Subject) []string { return nil }
func (BadWords) Requirement() Requirement       { return Requirement{} }

func (Tokens) Check([]byte, Subject) []string { return nil }
func (Tokens) Requirement() Requirement       { return Requirement{} }

func (StoragePrefix) Check([]byte, Subject) []string { return nil }
func (StoragePrefix) Requirement() Requirement       { return Requirement{} }

func (ClassPoints) Check([]byte, Subject) []string { return nil }
func (ClassPoints) Requirement() Requirement       { return Requirement{} }

func (ByteClass) Check([]byte, Subject) []string { return nil }
func (ByteClass) Requirement() Requirement       { return Requirement{} }

func (ForbiddenBytes) Check([]byte, Subject) []string { return nil }
func (ForbiddenBytes) Requirement() Requirement       { return Requirement{} }

func (TokenPatterns) Check([]byte, Subject) []string { return nil }
func (TokenPatterns) Requirement() Requirement       { return Requirement{} }

func (ADComplexity) Check([]byte, Subject) []string { return nil }
func (ADComplexity) Requirement() Requirement       { return Requirement{} }

func (ADNames) Check([]byte, Subject) []string { return nil }
func (ADNames) Requirement() Requirement       { return Requirement{} }

func (KrbCategories) Check([]byte, Subject) []string { return nil }
func (KrbCategories) Requirement() Requirement       { return Requirement{} }

func (Credits) Check([]byte, Subject) []string { return nil }
func (Credits) Requirement() Requirement       { return Requirement{} }

func (UserCheck) Check([]byte, Subject) []string { return nil }
func (UserCheck) Requirement() Requirement       { return Requirement{} }

func (Cracklib) Check([]byte, Subject) []string { return nil }
func (Cracklib) Requirement() Requirement       { return Requirement{} }
