# shellcheck shell=bash
#
# compute.sh - the flavors of the compute service.

# Needs the compute service in the catalog.
create_flavors() {
    get_or_create flavor m1.tiny name=m1.tiny vcpus=1 ram=512 disk=1
    get_or_create flavor m1.small name=m1.small vcpus=1 ram=2048 disk=20
    get_or_create flavor m1.medium name=m1.medium vcpus=2 ram=4096 disk=40
}

verify_flavors() {
    expect_list flavor name,vcpus,ram,disk \
        m1.tiny,1,512,1 m1.small,1,2048,20 m1.medium,2,4096,40
}
