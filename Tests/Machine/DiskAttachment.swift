/// How a disk is given to a machine: QEMU's arguments.
struct DiskAttachment {
  var arguments: [String]

  /// An image that keeps what is written at once.
  init(image: String) {
    arguments = ["-drive", "if=virtio,format=raw,file=\(image)"]
  }
}
