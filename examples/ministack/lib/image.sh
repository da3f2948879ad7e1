# shellcheck shell=bash
#
# image.sh - make a disk image, upload it and check what comes back.

# build_image FILE MIB
# Writes FILE and FILE.sha256.
build_image() {
    "$PYTHON" "$OPT_DIR/tools/mkimage.py" "$1" "$2"
}

# upload_image FILE NAME PROJECT
# Needs the file, and the image service in the catalog.
upload_image() {
    local id
    id=$(ministack upload "$1" name="$2" project="$3" checksum="$(<"$1.sha256")")
    echo "image $2: $id"
}

# verify_image FILE NAME PROJECT
verify_image() {
    local copy=$DATA_DIR/verify.img
    expect_list image name,project,checksum "$2,$3,$(<"$1.sha256")"
    ministack download "$2" "$copy"
    cmp -- "$1" "$copy"
    rm -- "$copy"
    echo "verified: image content"
}
