// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Who is a member, and one bit for each: may it be drawn now?
/// @notice Members stand in tiers by VRAM. A member keeps its place while it and others come and go from the draw; places
/// change only when a member is removed (the last one of its tier takes its place). Nobody can therefore steer a draw by
/// pausing and resuming nodes, except past those very nodes.
///
/// All state that a draw needs is here, packed so that a draw reads few storage words however many members there are:
///
/// | word        | holds                                                                           |
/// |-------------|---------------------------------------------------------------------------------|
/// | sizes       | number of members of each tier, and of those members that are unbonding         |
/// | members     | one member: wallet, VRAM, GPU model                                             |
/// | available   | one bit for each of 255 neighbours of a tier                                    |
/// | counts      | one byte for each of 32 words of `available`: how many of its bits are set      |
/// | models      | how many members have a GPU model; and as `available`, but which ones they are  |
library NodePools {
    /// @notice Members to a word of `available`: so many that their number fits into a byte.
    uint256 internal constant WORD = 255;
    /// @notice Number of VRAM tiers.
    uint256 internal constant TIERS = 8;
    /// @notice Words of `available` to a word of `counts`.
    uint256 internal constant COUNTS = 32;

    uint256 private constant _SIZE_BITS = 24;
    uint256 private constant _SIZE_MASK = (1 << _SIZE_BITS) - 1;
    uint256 private constant _UNBONDING = TIERS * _SIZE_BITS;

    /// @notice One member. All zero where there is none.
    struct Member {
        address wallet;
        uint16 vramGb;
        uint24 modelId;
    }

    /// @notice Where a member stands: its tier, and its position there.
    struct Place {
        uint8 tier;
        uint24 position;
    }

    struct Pools {
        uint256 sizes;
        mapping(uint256 tier => mapping(uint256 position => Member)) members;
        mapping(uint256 tier => mapping(uint256 word => uint256 bits)) available;
        mapping(uint256 tier => mapping(uint256 index => uint256 bytes_)) counts;
        mapping(uint256 modelId => Model) models;
    }

    struct Model {
        uint256 size;
        mapping(uint256 tier => mapping(uint256 word => uint256 bits)) members;
    }

    // ---- members

    /// @notice Appends a member to its tier, available. Reverts (by overflow) beyond 2^24 − 1 members of a tier.
    function add(Pools storage pools, Member memory member) internal returns (Place memory place) {
        uint256 tier = tierOf(member.vramGb);
        uint256 sizes = pools.sizes;
        uint256 position = sizeOf(sizes, tier);
        // Unreachable: more wallets than could ever stake. It would run over into the next tier's size.
        assert(position < _SIZE_MASK);
        place = Place({tier: uint8(tier), position: uint24(position)});
        pools.sizes = sizes + (1 << (tier * _SIZE_BITS));
        pools.members[tier][position] = member;
        Model storage model = pools.models[member.modelId];
        ++model.size;
        _setBit(model.members[tier], position, true);
        setAvailable(pools, place, true);
    }

    /// @notice Removes the member of `place`, available or not.
    /// @return moved Who was last and now stands there; zero when nobody had to move.
    function remove(Pools storage pools, Place memory place) internal returns (address moved) {
        uint256 sizes = pools.sizes;
        Place memory last = Place({tier: place.tier, position: uint24(sizeOf(sizes, place.tier) - 1)});
        mapping(uint256 position => Member) storage members = pools.members[place.tier];
        bool lastWasAvailable = isAvailable(pools, last);
        Member memory lastMember = members[last.position];
        Model storage lastModel = pools.models[lastMember.modelId];
        Model storage model = pools.models[members[place.position].modelId];

        setAvailable(pools, last, false);
        _setBit(model.members[place.tier], place.position, false);
        --model.size;
        if (place.position != last.position) {
            _setBit(lastModel.members[place.tier], last.position, false);
            _setBit(lastModel.members[place.tier], place.position, true);
            setAvailable(pools, place, lastWasAvailable);
            members[place.position] = lastMember;
            moved = lastMember.wallet;
        }
        delete members[last.position];
        pools.sizes = sizes - (1 << (uint256(place.tier) * _SIZE_BITS));
    }

    /// @notice Counts one unbonding member more, or less.
    function setUnbonding(Pools storage pools, bool value) internal {
        if (value) pools.sizes += 1 << _UNBONDING;
        else pools.sizes -= 1 << _UNBONDING;
    }

    /// @notice Number of members that are not unbonding.
    function bondedMembers(Pools storage pools) internal view returns (uint256 count) {
        uint256 sizes = pools.sizes;
        for (uint256 tier = 0; tier < TIERS; ++tier) {
            count += sizeOf(sizes, tier);
        }
        count -= sizes >> _UNBONDING;
    }

    function sizeOf(uint256 sizes, uint256 tier) internal pure returns (uint256) {
        return (sizes >> (tier * _SIZE_BITS)) & _SIZE_MASK;
    }

    /// @notice The tiers begin at 0, 4, 8, 12, 16, 24, 40 and 80 GB.
    function tierOf(uint256 vramGb) internal pure returns (uint256) {
        if (vramGb < 16) {
            if (vramGb < 8) return vramGb < 4 ? 0 : 1;
            return vramGb < 12 ? 2 : 3;
        }
        if (vramGb < 40) return vramGb < 24 ? 4 : 5;
        return vramGb < 80 ? 6 : 7;
    }

    // ---- availability

    function isAvailable(Pools storage pools, Place memory place) internal view returns (bool) {
        return (pools.available[place.tier][place.position / WORD] >> (place.position % WORD)) & 1 != 0;
    }

    /// @notice Sets or clears the bit of a place, and corrects the count of its word.
    function setAvailable(Pools storage pools, Place memory place, bool value) internal {
        if (!_setBit(pools.available[place.tier], place.position, value)) return;
        uint256 word = place.position / WORD;
        uint256 one = 1 << ((word % COUNTS) * 8);
        uint256 counts = pools.counts[place.tier][word / COUNTS];
        // A word has at most 255 members: its byte neither overflows nor underflows.
        unchecked {
            pools.counts[place.tier][word / COUNTS] = value ? counts + one : counts - one;
        }
    }

    /// @dev Whether anything changed.
    function _setBit(mapping(uint256 word => uint256 bits) storage words, uint256 position, bool value)
        private
        returns (bool)
    {
        uint256 bits = words[position / WORD];
        uint256 bit = 1 << (position % WORD);
        if ((bits & bit != 0) == value) return false;
        words[position / WORD] = bits ^ bit;
        return true;
    }
}
