/// The candidate that a mistyped word most likely means; nil where none is near.
public func nearestWord(to word: String, among candidates: [String]) -> String? {
  SchemaNode.nearest(to: word, among: candidates)
}
