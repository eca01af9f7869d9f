import HostSystem
import Household

/// Secrets by name, one file each that only this daemon's user can read. Values go in and never come out of the API.
public struct SecretStore: Sendable {
  let folder: String

  /// Opens the store for the one process that changes it, and ends what a power cut has left in the middle.
  public init(folder: String) throws {
    self.folder = folder
    try recover()
    try File.makeFolder(folder, mode: 0o700)
  }

  /// Opens a store of which another process may be in charge, to be read only.
  init(reading folder: String) { self.folder = folder }

  /// Names in order.
  public var names: [String] { File.list(folder).filter { Self.isValid($0) } }

  public func set(_ name: String, to value: String) throws {
    guard Self.isValid(name) else { throw ControlError.badSecretName(name) }
    try File.replace(folder + "/" + name, with: Array(value.utf8), mode: 0o600, durable: true)
    // It holds also when a restore that is still provisional is undone.
    guard File.owner(of: before) != nil else { return }
    try File.replace(before + "/" + name, with: Array(value.utf8), mode: 0o600, durable: true)
  }

  public func remove(_ name: String) throws {
    guard Self.isValid(name) else { throw ControlError.badSecretName(name) }
    guard names.contains(name) else { throw ControlError.noSuchSecret(name) }
    try File.remove(folder + "/" + name)
    try File.syncFolder(of: folder + "/" + name)
  }

  /// The value, for the daemon that needs it.
  func value(of secret: SecretName) throws -> String? {
    guard Self.isValid(secret.name) else { return nil }
    return try File.readIfPresent(folder + "/" + secret.name).map { String(decoding: $0, as: UTF8.self) }
  }

  static func isValid(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 63
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}
