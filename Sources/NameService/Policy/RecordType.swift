/// Record types that the policy and the zone look at (IANA DNS parameters).
enum RecordType {
  static let a: UInt16 = 1
  static let ns: UInt16 = 2
  static let cname: UInt16 = 5
  static let soa: UInt16 = 6
  static let ptr: UInt16 = 12
  static let aaaa: UInt16 = 28
  static let dname: UInt16 = 39
  static let svcb: UInt16 = 64
  static let https: UInt16 = 65
  static let any: UInt16 = 255
}
